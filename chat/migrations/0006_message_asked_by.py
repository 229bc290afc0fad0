from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0005_labels'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='asked_by',
            field=models.UUIDField(editable=False, null=True),
        ),
    ]
