-- Claim a piece of news: whoever gets the row back tells it, nobody else does. It is news when its topic was never told,
-- when it says something else now, when it was told longer ago than it stays told (no `sent_before`: for good), or when
-- whoever claimed it has not told it since `claimed_before`.
INSERT INTO ingest.told AS known (topic, says, claimed_at)
VALUES (:topic, :says, :now)
ON CONFLICT (topic) DO UPDATE SET says = excluded.says, claimed_at = excluded.claimed_at, sent_at = NULL
WHERE known.says <> excluded.says
   OR known.sent_at <= CAST(:sent_before AS timestamptz)
   OR (known.sent_at IS NULL AND known.claimed_at <= :claimed_before)
RETURNING topic
