-- lua/shared/overwrite.lua
-- needs: RANKING, admit_all, hit, OVERWRITE_IS_HIT, HIT_SCORE
-- gives: overwrite(fields, members, maxsize, now_us) -> fields to be admitted, number of fields ranked
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
  if #ranked > 0 and OVERWRITE_IS_HIT then
    -- Where a hit only sets a score, the new value gets that of a new entry.
    if HIT_SCORE then
      admit_all(ranked, now_us)
    else
      for _, field in ipairs(ranked) do hit(field, tonumber(now_us), 1) end
    end
  end
  return others, members
end
