-- lua/shared/tag.lua
-- gives: tag_of(entry) -> the method's tag: 8 bytes, see runtime/src/entry/header.rs
local function tag_of(entry)
  if #entry < 64 then return '' end
  return string.sub(entry, 41, 48)
end
