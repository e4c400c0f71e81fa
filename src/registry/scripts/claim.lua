-- A session is connected to a node from now on.
--
-- KEYS[1]  hash, the sessions of a user: session -> <c: connected, d: detached><since when> <node>
-- KEYS[2]  string, the moment up to which the user's tokens are revoked
-- KEYS[3]  set, what backends have put the user on; see put-on.lua
-- ARGV[1]  the session
-- ARGV[2]  the node
-- ARGV[3]  how long the hash lives
-- ARGV[4]  how many sessions a user may have: over it the one that changed longest ago goes, detached ones first
--
-- Returns { now, the session's entry before or empty, the revocation or empty, all sessions and entries, the number of the
-- claim, what the user was put on }.

local time = now()
local before = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local claim = after(before, time)
redis.call('HSET', KEYS[1], ARGV[1], 'c' .. text(claim) .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local all = redis.call('HGETALL', KEYS[1])

if #all / 2 > tonumber(ARGV[4]) then
  local oldest, rank
  for i = 1, #all, 2 do
    local state, since = string.match(all[i + 1], '^(%a)(%d+)')
    -- Connected sessions come after all that are detached.
    local this = tonumber(since or 0) + (state == 'c' and 1e15 or 0)
    if all[i] ~= ARGV[1] and (not rank or this < rank) then
      oldest, rank = all[i], this
    end
  end
  if oldest then redis.call('HDEL', KEYS[1], oldest) end
end

local standing = redis.call('SMEMBERS', KEYS[3])
return { text(time), before, redis.call('GET', KEYS[2]) or '', all, text(claim), standing }
