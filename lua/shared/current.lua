-- lua/shared/current.lua
-- gives: current(args, n, overtaken) -> fields, fields with entries, lives
-- Of the arguments of op/put, those that are not overtaken.
local function current(args, n, overtaken)
  local fields, entries, lives, skip = {}, {}, {}, 1
  for i = 1, n do
    if overtaken[skip] == i then
      skip = skip + 1
    else
      local at = #fields + 1
      fields[at], lives[at] = args[2 * i + 1], args[3 * n + 2 + i]
      entries[2 * at - 1], entries[2 * at] = fields[at], args[2 * i + 2]
    end
  end
  return fields, entries, lives
end
