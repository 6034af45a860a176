-- lua/shared/keys.lua
-- needs: KEYS
-- gives: RANKING (ZSET of fields), VALUES (HASH of entries)
local RANKING, VALUES = KEYS[1], KEYS[2]
