import uuid

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0003_plain_names'),
    ]

    operations = [
        # Null first: whoever is logged in holds tokens that were not counted, and stays so.
        migrations.AddField(
            model_name='loginsession',
            name='refresh_id',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='loginsession',
            name='refresh_id',
            field=models.UUIDField(default=uuid.uuid4, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='loginsession',
            name='spent_id',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='loginsession',
            name='rotated_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
