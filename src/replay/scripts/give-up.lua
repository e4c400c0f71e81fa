-- Gives a channel up to the server that Sentinels have put in the place of this one, and says where the channel has ended here.
-- From then on this server confirms nothing in it any more, so what it says holds for good. Behind position.lua.
--
-- Without that nobody could say what the successor lacks: this server goes on confirming for as long as somebody takes it for
-- the primary. It gives an epoch to one successor only, so that never do two give the same offset in it.
--
-- KEYS[1], KEYS[2], ARGV[1] to ARGV[3]  as there
-- ARGV[4]  the generation of the successor
--
-- Returns { epoch, offset of the newest message }; nothing where this server did not have the channel, as one that has been
-- restarted or follows another one by now, or has given it to somebody else.

local running = generation()
if running == '' or running == ARGV[4] then return {} end
local known = redis.call('HMGET', KEYS[1], 'e', 'o', 'g', 'n')
if known[3] == GIVEN_UP .. running then
  if known[4] ~= ARGV[4] then return {} end
elseif known[3] == running then
  -- For this server alone: it is no change of the data that it shares with its successor.
  redis.set_repl(redis.REPL_NONE)
  redis.call('HSET', KEYS[1], 'g', GIVEN_UP .. running, 'c', '0', 'n', ARGV[4])
  -- A channel that was forgotten here could begin again.
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.set_repl(redis.REPL_ALL)
else
  return {}
end
return { known[1], known[2] }
