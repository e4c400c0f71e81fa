-- The channel leaves an epoch in which messages were confirmed elsewhere that this server does not have. Behind position.lua.
--
-- KEYS[1], KEYS[2], ARGV[1] to ARGV[3]  as there
-- ARGV[4]  the epoch to leave: where the channel is in another one, somebody else was first
--
-- Returns the epoch that the channel is in.

local time = now()
local here = position(time, 0)
if not here then return unsettled() end
if here.epoch == ARGV[4] then
  -- Whoever holds a position of it comes back sooner than positions are forgotten, and is to be told.
  here = begin(time)
end
return here.epoch
