-- A node says that it has a session connected: it is entered again where it is lost or was released, and its hash lives on.
-- A session that another node has claimed stays as it is, unless that entry is given: its node is dead; or unless it is older than
-- the node's own claim: then this server has lost the claim, for example because it was a replica when that was written.
--
-- KEYS[1]  hash, the sessions of a user; see claim.lua
-- ARGV[1]  the session
-- ARGV[2]  the node
-- ARGV[3]  how long the hash lives
-- ARGV[4]  an entry that may be replaced, or empty
-- ARGV[5]  'bulk': what the node has released itself stays released, because that may have happened since
-- ARGV[6]  the number of the node's own claim, or 0
--
-- Returns { now, the entry of another node that holds the session, or empty }.

local time = now()
local entry = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local ours = string.match(entry, ' (.*)$') == ARGV[2]
local claim = tonumber(ARGV[6])
local later = tonumber(string.match(entry, '^%a(%d+)') or 0) >= claim
local held = string.sub(entry, 1, 1) == 'c' and entry ~= ARGV[4] and later
if not ours and held then return { text(time), entry } end
if not ours or (string.sub(entry, 1, 1) == 'd' and ARGV[5] ~= 'bulk') then
  redis.call('HSET', KEYS[1], ARGV[1], 'c' .. text(math.max(after(entry, time), claim)) .. ' ' .. ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { text(time), '' }
