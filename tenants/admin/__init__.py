"""Tenants, people, tokens and the audit record, as operators see them."""

from django.contrib import admin
from django.contrib.auth.models import Group

from tenants.admin import people, records, sign_ins, tenancy, tokens

# Rights hang on roles, not on Django's groups.
admin.site.unregister(Group)

__all__ = ["people", "records", "sign_ins", "tenancy", "tokens"]
