-- What a comparison works with, gone with its transaction: its days, and every line of the bill in both periods.
CREATE TEMPORARY TABLE change_day (
    comparison text NOT NULL,
    usage_date date NOT NULL,
    is_of_period boolean NOT NULL,
    previous_days integer NOT NULL,
    days integer NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE change_leaf (
    comparison text NOT NULL,
    -- Whether it is the part of one user and key; else it is the whole line.
    is_owned boolean NOT NULL,
    -- What lines of one owner have in common: numbers sort faster than names.
    line_number integer,
    project_id text,
    user_id text,
    api_key_id text,
    line_item text,
    currency text,
    -- What was billed: a model or a tool; at which price level; which side of it, with its modality; and which class of that side.
    subject text,
    level text NOT NULL,
    side text NOT NULL,
    kind text NOT NULL,
    unit text,
    is_credit boolean NOT NULL,
    lacks_amount boolean NOT NULL,
    lacks_parts boolean NOT NULL,
    previous_cost numeric(28, 12),
    cost numeric(28, 12),
    -- Null if what was counted is not known; in the smallest unit.
    previous_quantity numeric,
    quantity numeric,
    previous_restated_cost numeric NOT NULL,
    restated_cost numeric NOT NULL,
    previous_restated_quantity numeric NOT NULL,
    restated_quantity numeric NOT NULL
) ON COMMIT DROP
