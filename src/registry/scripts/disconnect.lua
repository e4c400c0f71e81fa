-- The number up to which all claims of a user are that have been made until now.
--
-- KEYS[1]  hash, the sessions of a user; see claim.lua

local last = now()
for _, entry in ipairs(redis.call('HVALS', KEYS[1])) do last = math.max(last, after(entry, 0) - 1) end
return text(last)
