-- lua/op/put.lua
-- needs: VALUES, LEASES, clock, keep_alive, touch, heal, stamp, fence, end_leases, current, overwrite,
--   sweep, rank_new, expire, keep_leases
-- ARGV: '<I8I8I8I2BBBB' (maxsize, structure_ms, longest_ms, n, sliding, sweeps, field_ttl, tagged); now_us, or
--   '' where the script stamps; n fields, each with its entry; n tokens, '' stores in any case; with
--   field_ttl n lives; with tagged n lists of tags; then touches. No field comes twice. lua/README.md says more.
-- returns: how many entries the policy evicted; or {evicted, swept, index of each overtaken put ...}
local maxsize, structure_ms, longest_ms, n, sliding, sweeps, field_ttl, tagged =
  struct.unpack('<I8I8I8I2BBBB', ARGV[1])
local named = {}
for i = 1, n do named[i] = ARGV[2 * i + 1] end

-- The first commands only read: where a key is of a foreign type the script ends here, and
-- nothing has been written.
local leases = redis.call('HMGET', LEASES, unpack(named))
local members = heal(named)
if ARGV[2] == '' then stamp(ARGV, n) end
touch(ARGV, (3 + field_ttl + tagged) * n + 3)
local tags = tagged == 1 and (3 + field_ttl) * n + 2
local overtaken, ended, awaited = fence(named, leases, ARGV, 2 * n + 2, tags)
local fields, entries, lives = current(ARGV, n, overtaken)
if #fields == 0 then
  end_leases(ended, awaited)
  return {0, 0, unpack(overtaken)}
end

-- As a rule all fields are new: then the answer of HSET says so.
local new, now_us = fields, ARGV[2]
if redis.call('HSET', VALUES, unpack(entries)) < #fields then
  new, members = overwrite(fields, members, maxsize, now_us)
end
-- Room for all that are new, then all of them; where they are more than the bound, they evict each other.
local excess, swept = members + #new - maxsize, -sweeps
if excess > 0 and sweeps == 1 then swept = sweep(math.floor(now_us / 1000)) end
local evicted = rank_new(new, excess - math.max(swept, 0), maxsize, now_us)

if field_ttl == 1 then expire(fields, lives) end
keep_alive(structure_ms, sliding == 1, longest_ms)
end_leases(ended, awaited)
if sweeps == 1 then keep_leases(math.floor(clock(0) / 1000)) end
if #overtaken == 0 and swept == 0 then return evicted end
return {evicted, swept, unpack(overtaken)}
