-- lua/op/put.lua
-- needs: RANKING, VALUES, clock, stamp, keep_alive, lease_of, end_lease, heal, touch, sweep, evict, admit, hit
-- ARGV: field, forced_us, structure_ms, sliding, maxsize, soft_ms, hard_ms, field_ttl, sweeps, head,
--   tail, token, then touches
-- returns: {how many entries the policy evicted, how many the sweep found, or -1 if none was needed};
--   -1 alone if the lease is no longer this token's: an invalidation or a later start has overtaken
--   the value. An empty token stores in any case.
-- `sweeps` is 1 to look for expired entries: half of the work of a put, so a client asks for it every
-- 16 puts, and in each while it finds some.
local field, now_us = ARGV[1], clock(ARGV[2])
local structure_ms, sliding, maxsize = tonumber(ARGV[3]), ARGV[4] == '1', tonumber(ARGV[5])
local soft_ms, hard_ms, field_ttl = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1'
local sweeps, head, tail, token = ARGV[9] == '1', ARGV[10], ARGV[11], ARGV[12]
local now_ms, evicted, swept = math.floor(now_us / 1000), 0, sweeps and -1 or 0

-- Its first commands only read: where a key is of a foreign type the script ends here, and
-- nothing has been written.
local _, holder = lease_of(field)
local whole, size = heal(field)
touch(ARGV, 13)
if token ~= '' and token ~= holder then
  if holder == '' then end_lease(field) end
  return -1
end
if whole and size > maxsize then
  redis.call('HDEL', VALUES, field)
  size = size - redis.call('ZREM', RANKING, field)
  whole = false
end
if whole then
  -- Where a hit only sets a score, the new value gets that of a new entry.
  if OVERWRITE_IS_HIT then (HIT_SCORE and admit or hit)(field, now_us, 1) end
else
  if size >= maxsize and sweeps then swept = sweep(now_ms) end
  evicted = evict(size - math.max(swept, 0) - maxsize + 1)
  admit(field, now_us)
end

redis.call('HSET', VALUES, field, stamp(head, tail, now_ms, soft_ms, hard_ms))
-- pcall: a node that lacks the command still holds a whole entry, whose header has its expiry.
if field_ttl and hard_ms > 0 then redis.pcall('HPEXPIRE', VALUES, hard_ms, 'FIELDS', 1, field) end
keep_alive(structure_ms, sliding, hard_ms)
end_lease(field)
return {evicted, swept}
