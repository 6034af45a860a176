-- lua/shared/field_ttl.lua
-- needs: VALUES
-- gives: expire(fields, lives)
-- Sets the TTL of fields, in milliseconds ('0': none), with one command for neighbours of one life.
local function expire(fields, lives)
  local first = 1
  while first <= #fields do
    local last, life_ms = first, lives[first]
    while last < #fields and lives[last + 1] == life_ms do last = last + 1 end
    if life_ms ~= '0' then
      local some = {unpack(fields, first, last)}
      -- pcall: a node that lacks the command still holds whole entries, whose headers have their
      -- expiry.
      redis.pcall('HPEXPIRE', VALUES, life_ms, 'FIELDS', #some, unpack(some))
    end
    first = last + 1
  end
end
