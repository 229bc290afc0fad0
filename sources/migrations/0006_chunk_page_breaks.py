"""Where pages begin inside a chunk, so that a quote is cited with its own page."""

from django.db import migrations, models
from django.db.models import Exists, OuterRef


def cut_anew(apps, schema_editor):
    # Documents with pages are cut anew by the next ingest that reads their source. It embeds
    # nothing, since their texts stand; until then a quote has the page that its chunk starts on.
    # The scoped manager is no part of migrations: this one sees every row.
    chunks = apps.get_model("sources", "Chunk").objects
    paged = chunks.filter(document=OuterRef("pk"), page__isnull=False)
    documents = apps.get_model("sources", "Document").objects
    documents.filter(Exists(paged)).update(index_model="")


class Migration(migrations.Migration):
    dependencies = [("sources", "0005_how_documents_were_cut")]

    operations = [
        migrations.AddField(
            model_name="chunk",
            name="page_breaks",
            field=models.JSONField(blank=True, default=list, editable=False),
        ),
        migrations.RunPython(cut_anew, migrations.RunPython.noop),
    ]
