-- lua/shared/one_by_one.lua
-- needs: admit
-- gives: admit_all(fields, now_us)
-- Stands behind the three functions of a user's policy, which know one field at a time.
local function admit_all(fields, now_us)
  for _, field in ipairs(fields) do admit(field, tonumber(now_us)) end
end
