-- Claim a piece of news: whoever gets the row back tells it, nobody else does. It is news when this was never said of
-- its topic, when it was told longer ago than it stays told (no `sent_before`: for good), or when whoever claimed it has
-- not told it since `claimed_before`. What else was said of the topic meanwhile does not make it news again; while
-- something else was said after `apart_since` nothing is.
INSERT INTO ingest.told AS known (topic, says, claimed_at)
SELECT :topic, :says, :now
WHERE NOT EXISTS (
    SELECT
    FROM ingest.told AS other
    WHERE other.topic = :topic AND other.says <> :says AND other.claimed_at > :apart_since
)
ON CONFLICT (topic, says) DO UPDATE SET claimed_at = excluded.claimed_at, sent_at = NULL
WHERE known.sent_at <= CAST(:sent_before AS timestamptz)
   OR (known.sent_at IS NULL AND known.claimed_at <= :claimed_before)
RETURNING topic
