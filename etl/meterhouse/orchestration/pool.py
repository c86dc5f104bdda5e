"""The pool that bounds the calls to the vendor over all DAGs. An operator changes its slots in the UI, under Admin, Pools."""

POOL = "openai_admin_api"
POOL_SLOTS = 4
POOL_DESCRIPTION = "Calls to the vendor, over all DAGs"
