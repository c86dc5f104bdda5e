-- What an allocation works with, gone with its transaction: pieces of the bill, the shares that they are spread over, and the parts that come out.
CREATE TEMPORARY TABLE allocation_piece (
    piece_id bigint GENERATED ALWAYS AS IDENTITY,
    -- Whether the vendor says whose it is, and each share is what it says.
    is_billed_by_user boolean NOT NULL,
    usage_date date NOT NULL,
    project_id text,
    line_item text,
    currency text,
    api_key_id text,
    cost numeric(28, 12),
    -- Of the vendor's unit, over all context bands of the line: usage does not separate them.
    quantity numeric,
    -- The line's own word for its model, and the name by which usage is matched.
    model text,
    canonical_model text,
    tier text,
    usage_endpoint text,
    usage_quantity text,
    -- Why it is not to be spread; null when it is.
    reason text,
    -- What to know about the parts of a piece that is spread.
    remark text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE allocation_share (
    piece_id bigint NOT NULL,
    user_id text,
    api_key_id text,
    -- Of a caller of tools; a line of tokens has its own.
    model text,
    weight numeric NOT NULL,
    quantity numeric,
    basis text NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE allocation_part (
    piece_id bigint NOT NULL,
    user_id text,
    api_key_id text,
    model text,
    cost numeric(28, 12),
    weight numeric,
    weight_total numeric,
    -- Whether all parts of the piece are one user's, or all nobody's.
    is_one_callers boolean NOT NULL,
    -- Of the whole piece.
    matched_quantity numeric,
    basis text NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE allocation_usage (
    usage_date date NOT NULL,
    project_id text,
    user_id text,
    api_key_id text,
    model text,
    canonical_model text,
    endpoint text NOT NULL,
    is_batch boolean NOT NULL,
    tier text,
    requests numeric,
    uncached_tokens numeric,
    text_tokens numeric,
    audio_tokens numeric,
    image_tokens numeric,
    cached_tokens numeric,
    cached_text_tokens numeric,
    cached_audio_tokens numeric,
    cached_image_tokens numeric,
    cache_write_tokens numeric,
    output_tokens numeric,
    output_text_tokens numeric,
    output_audio_tokens numeric,
    output_image_tokens numeric,
    images numeric,
    characters numeric,
    seconds numeric,
    calls numeric
) ON COMMIT DROP;
