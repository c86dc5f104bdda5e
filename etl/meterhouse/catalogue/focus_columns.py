"""FOCUS columns: what the columns of bi.focus_costs mean, with their names in the FinOps Open Cost and Usage Specification. Pure."""

from __future__ import annotations

from meterhouse.catalogue.meaning import Meaning

_MONEY = "units of billing_currency"
_PER_UNIT = "units of billing_currency per pricing_unit"
_NO_AMOUNT = "the vendor left the amount out"
_NO_PROJECT = "the charge belongs to no project"
_NO_SKU = "the charge is a tax, a credit or an adjustment"
_NOT_OF_A_DAY = "the charge is not part of a day's costs"

FOCUS_COLUMNS: dict[str, Meaning] = {
    "billing_account_id": Meaning("FOCUS BillingAccountId: label of the organization, as the vendor's API gives no identifier for it."),
    "billing_account_name": Meaning("FOCUS BillingAccountName: label of the organization."),
    "billing_account_type": Meaning("FOCUS BillingAccountType: always Organization."),
    "sub_account_id": Meaning("FOCUS SubAccountId: identifier of the project.", null=_NO_PROJECT),
    "sub_account_name": Meaning("FOCUS SubAccountName: newest known name of the project, or its identifier.", null=_NO_PROJECT),
    "sub_account_type": Meaning("FOCUS SubAccountType: always Project.", null=_NO_PROJECT),
    "billing_period_start_utc": Meaning("FOCUS BillingPeriodStart: first instant of the UTC month that the charge is billed in."),
    "billing_period_end_utc": Meaning("FOCUS BillingPeriodEnd: first instant of the next month."),
    "charge_period_start_utc": Meaning("FOCUS ChargePeriodStart: start of the UTC day of the charge."),
    "charge_period_end_utc": Meaning("FOCUS ChargePeriodEnd: start of the next day."),
    "billing_currency": Meaning(
        "FOCUS BillingCurrency: currency of all costs and prices of the row, in capitals; if none is known, ISO 4217's code for none."
    ),
    "effective_cost": Meaning(
        "FOCUS EffectiveCost: the billed amount in the period in which it is used; 0 for a purchase of prepaid credits and for what is"
        " paid with them.",
        _MONEY,
        _NO_AMOUNT,
    ),
    "contracted_cost": Meaning("FOCUS ContractedCost: the billed amount before prepaid credits pay for it.", _MONEY, _NO_AMOUNT),
    "list_cost": Meaning(
        "FOCUS ListCost: list_unit_price times pricing_quantity, or the billed amount where x_list_cost_basis is billed or null.",
        _MONEY,
        _NO_AMOUNT,
    ),
    "contracted_unit_price": Meaning(
        "FOCUS ContractedUnitPrice: contracted_cost divided by pricing_quantity.", _PER_UNIT, "no quantity, no amount, or a credit"
    ),
    "list_unit_price": Meaning(
        "FOCUS ListUnitPrice: list price in force on the day, or contracted_unit_price where no list price is known.",
        _PER_UNIT,
        "no quantity, or no price is known",
    ),
    "consumed_quantity": Meaning(
        "FOCUS ConsumedQuantity: what was used.", "units named by consumed_unit", "no usage, or no known quantity"
    ),
    "consumed_unit": Meaning("FOCUS ConsumedUnit: unit of consumed_quantity, such as Tokens.", null="consumed_quantity is null"),
    "pricing_quantity": Meaning("FOCUS PricingQuantity: what was priced.", "units named by pricing_unit", "no known quantity, or no price"),
    "pricing_unit": Meaning("FOCUS PricingUnit: unit of prices, such as 1000000 Tokens.", null="pricing_quantity is null"),
    "pricing_category": Meaning("FOCUS PricingCategory: always Standard.", null=_NO_SKU),
    "charge_category": Meaning("FOCUS ChargeCategory: Usage, Purchase, Tax, Credit or Adjustment."),
    "charge_class": Meaning("FOCUS ChargeClass: Correction for what was restated after its month was closed.", null="no correction"),
    "charge_description": Meaning("FOCUS ChargeDescription: line of the bill or of the invoice as it was received."),
    "charge_frequency": Meaning("FOCUS ChargeFrequency: Usage-Based for usage, One-Time for everything else."),
    "sku_id": Meaning(
        "FOCUS SkuId: model or feature, and meter; the same at every service tier. unspecified if the line is not known.", null=_NO_SKU
    ),
    "sku_price_id": Meaning(
        "FOCUS SkuPriceId: SkuId with service tier, price band and the start of its list price: a date, undated or unknown.",
        null=_NO_SKU,
    ),
    "sku_meter": Meaning("FOCUS SkuMeter: what the SKU measures, such as Cached Input Tokens.", null=_NO_SKU),
    "sku_price_details": Meaning("FOCUS SkuPriceDetails: model, service tier and token class as a JSON object.", null="no known line"),
    "invoice_detail_id": Meaning("FOCUS 1.4 InvoiceDetailId: place of the line in its invoice.", null="not one line of an invoice"),
    "invoice_issuer_name": Meaning("FOCUS InvoiceIssuerName: the vendor."),
    "provider_name": Meaning("FOCUS ProviderName: the vendor; ServiceProviderName since FOCUS 1.3."),
    "publisher_name": Meaning("FOCUS PublisherName: the vendor; HostProviderName since FOCUS 1.3."),
    "service_provider_name": Meaning("FOCUS 1.3 ServiceProviderName: the vendor."),
    "host_provider_name": Meaning("FOCUS 1.3 HostProviderName: the vendor."),
    "service_category": Meaning("FOCUS ServiceCategory: always AI and Machine Learning."),
    "service_subcategory": Meaning("FOCUS ServiceSubcategory: always Generative AI."),
    "service_name": Meaning("FOCUS ServiceName: the vendor's API."),
    "tags": Meaning(
        "FOCUS Tags: team and cost_centre of the key or project on the day, as a JSON object.", null="no assignment fits the key or project"
    ),
    "x_charge_origin": Meaning("Where the row is from: costs, correction, invoice, prepaid_purchase or prepaid_use (paid with credits)."),
    "x_line_item": Meaning("Line of the bill as the vendor words it.", null="not grouped by line item, or not of a day's costs"),
    "x_api_key_id": Meaning("Identifier of the API key on the bill.", null="not grouped by key, or not of a key"),
    "x_api_key_name": Meaning("Newest known name of the API key.", null="no key, or it has no known name"),
    "x_billed_cost_exact": Meaning("The billed amount with every digit that the vendor sent, as text.", _MONEY, _NOT_OF_A_DAY),
    "x_source_grouping": Meaning("Dimensions that the vendor was asked to group costs by, separated by commas.", null=_NOT_OF_A_DAY),
    "x_is_complete": Meaning("Whether the day's costs are settled.", null=_NOT_OF_A_DAY),
    "x_finality": Meaning("How final the day's costs are: open, settling, settled or invoiced.", null=_NOT_OF_A_DAY),
    "x_cost_basis": Meaning("What the amount is taken from: vendor_cost_api, or imported_file for invoices and purchases."),
    "x_list_cost_basis": Meaning("What list_cost is taken from: price_list or billed.", null="no usage of a day"),
    "x_allocation_method": Meaning("Always billed: no amount of this view is spread over users or keys."),
    "x_conformance": Meaning(
        "Where the row cannot be what FOCUS requires, separated by commas: no_amount, no_currency, no_line_item, no_quantity, unknown_unit,"
        " zero_quantity, no_price (it would be negative), prepaid_use (a credit that lowers only the billed amount).",
        null="nothing",
    ),
}
