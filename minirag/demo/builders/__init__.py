"""Renderers of the demo's Markdown sources. Development only: they need fpdf2 and python-docx."""
