from django.db import migrations

import minirag.fields


class Migration(migrations.Migration):

    dependencies = [
        ('ingestion', '0005_index_checks'),
    ]

    operations = [
        migrations.AddField(
            model_name='indexbuild',
            name='set_aside',
            field=minirag.fields.EncryptedCredentialsField(blank=True, default='', editable=False, sealed_as='credentials'),
        ),
    ]
