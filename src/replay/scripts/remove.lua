-- A channel keeps none of its messages any more. Its position stays, so that whoever is behind is told. Behind position.lua.
--
-- KEYS[1], KEYS[2], ARGV[1] to ARGV[3]  as there
--
-- Returns the epoch that the channel is in.

local here = position(now(), 0)
if not here then return unsettled() end
redis.call('DEL', KEYS[2])
return here.epoch
