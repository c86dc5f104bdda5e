-- Every piece that has shares and no parts yet, spread over them by largest remainder in units of the twelfth decimal: the parts add up to the piece exactly,
-- each is less than a unit away from its exact share, and neither the order of rows nor the sign changes what anybody gets.
INSERT INTO allocation_part (piece_id, user_id, api_key_id, model, cost, weight, weight_total, is_one_callers, matched_quantity, basis)
WITH share AS (
    SELECT
        p.piece_id,
        sign(p.cost) AS direction,
        trunc(abs(p.cost) * 1000000000000) AS units,
        s.user_id,
        s.api_key_id,
        s.model,
        s.weight,
        s.basis,
        sum(s.weight) OVER piece AS weight_total,
        sum(s.quantity) OVER piece AS matched_quantity,
        count(s.user_id) OVER piece = 0
        OR (count(s.user_id) OVER piece = count(*) OVER piece AND min(s.user_id) OVER piece = max(s.user_id) OVER piece) AS is_one_callers
    FROM allocation_piece p
    JOIN allocation_share s ON s.piece_id = p.piece_id
    WHERE s.weight > 0 AND NOT EXISTS (SELECT FROM allocation_part t WHERE t.piece_id = p.piece_id)
    WINDOW piece AS (PARTITION BY p.piece_id)
),

floored AS (
    SELECT
        s.*,
        div(s.units * s.weight, s.weight_total) AS whole_units,
        mod(s.units * s.weight, s.weight_total) AS remainder
    FROM share s
),

ranked AS (
    SELECT
        f.*,
        f.units - sum(f.whole_units) OVER (PARTITION BY f.piece_id) AS units_left,
        row_number() OVER (
            PARTITION BY f.piece_id
            ORDER BY f.remainder DESC, f.weight DESC, f.user_id COLLATE "C", f.api_key_id COLLATE "C", f.model COLLATE "C"
        ) AS place
    FROM floored f
)

SELECT
    r.piece_id,
    r.user_id,
    r.api_key_id,
    r.model,
    -- An amount that the vendor left out stays unknown in every part.
    r.direction * (r.whole_units + CASE WHEN r.place <= r.units_left THEN 1 ELSE 0 END) * 0.000000000001,
    r.weight,
    r.weight_total,
    r.is_one_callers,
    r.matched_quantity,
    r.basis
FROM ranked r
