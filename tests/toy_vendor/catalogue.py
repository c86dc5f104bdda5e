"""What a second vendor adds to the catalogue, as the lines that come into its two files."""

VENDOR = """TALLY = Vendor(
    name="tally",
    base_url="https://api.tally.example/v2",
    base_url_variable="TALLY_BASE_URL",
    key_variable="TALLY_KEY",
    key_pattern=r"tk_[a-z0-9]{8,}",
    key_shape="begin with tk_ and go on with small letters and digits",
    key_remedy="ask the owner of the organization for one",
)

VENDORS"""
COSTS = """TALLY_DAY = BucketWidth("1d", 86400, 7)
TALLY_COSTS = Endpoint(
    "costs", "Billed amounts.", "tally.bill", (PROJECT, LINE_ITEM), COSTS.metrics, widths=(TALLY_DAY,), vendor=TALLY,
)

COSTS_OF_VENDORS = (COSTS, TALLY_COSTS)"""
USAGE = """MESSAGES = Endpoint(
    "messages", "Messages.", "tally.messages", (PROJECT, MODEL),
    (Metric("num_messages", "messages", "messages", "Messages answered.", required=True), INPUT_TOKENS),
    widths=(BucketWidth("1d", 86400, 7),), vendor=TALLY,
)

USAGE = ("""
