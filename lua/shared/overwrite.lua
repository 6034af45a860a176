-- lua/shared/overwrite.lua
-- needs: RANKING, admit_all, hit, OVERWRITE_IS_HIT, HIT_SCORE
-- gives: overwrite(fields, members, maxsize, now_us) -> fields to be admitted, number of fields ranked
local function record(fields, now_us)
  if #fields == 0 or not OVERWRITE_IS_HIT then return end
  -- Where a hit only sets a score, the new value gets that of a new entry.
  if HIT_SCORE then return admit_all(fields, now_us) end
  for _, field in ipairs(fields) do hit(field, tonumber(now_us), 1) end
end

local function overwrite(fields, members, maxsize, now_us)
  local ranked, others = {}, {}
  for _, field in ipairs(fields) do
    local group = redis.call('ZSCORE', RANKING, field) and ranked or others
    group[#group + 1] = field
  end
  if members > maxsize and #ranked > 0 then
    -- The bound was lowered: what is there counts as new.
    return fields, members - redis.call('ZREM', RANKING, unpack(ranked))
  end
  record(ranked, now_us)
  return others, members
end
