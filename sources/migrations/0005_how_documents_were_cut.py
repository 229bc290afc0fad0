"""A document's ``index_model`` says how it was cut; the collection is the tenant's affair."""

from django.db import migrations


def without_collection(apps, schema_editor):
    # The scoped manager is no part of migrations: this one sees every row.
    documents = apps.get_model("sources", "Document").objects
    kept = documents.filter(index_model__contains="|").order_by().values_list("index_model")
    for (old,) in list(kept.distinct()):
        documents.filter(index_model=old).update(index_model=old.rpartition("|")[2])


class Migration(migrations.Migration):
    dependencies = [("sources", "0004_chunk_embedded_hash")]

    operations = [
        # The way back needs nothing: an unknown signature is cut anew at the next ingest.
        migrations.RunPython(without_collection, migrations.RunPython.noop),
    ]
