-- A session is not connected to a node any more; nothing happens where another node has claimed it since.
--
-- KEYS[1]  hash, the sessions of a user; see claim.lua
-- ARGV[1]  the session
-- ARGV[2]  the node
-- ARGV[3]  how long a detached session is known

local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry or string.sub(entry, 1, 1) ~= 'c' or string.match(entry, ' (.*)$') ~= ARGV[2] then return end
redis.call('HSET', KEYS[1], ARGV[1], 'd' .. text(after(entry, now())) .. ' ' .. ARGV[2])

for _, other in ipairs(redis.call('HVALS', KEYS[1])) do
  if string.sub(other, 1, 1) == 'c' then return end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
