"""The demo's document set: the handbook of an invented company, and what the demo asks about it.

Nothing here is needed outside ``make demo`` and the tests. ``manifest`` lists what is ingested;
``build_documents`` writes the binary documents from their Markdown sources (development only).
"""
