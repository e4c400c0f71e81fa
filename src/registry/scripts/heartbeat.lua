-- Keeps a node in the table, or enters it; forgets those that nobody has heard of for long.
--
-- KEYS[1]  hash, the nodes: id -> <when last heard of> <0; 1: it has left> <what it says of itself, JSON>
-- ARGV[1]  the node
-- ARGV[2]  what it says of itself
-- ARGV[3]  how long a node stays in the table after it was last heard of
--
-- Returns { now, 1 if the node was not in the table, all nodes and entries }.

local time = now()
local new = redis.call('HSET', KEYS[1], ARGV[1], text(time) .. ' 0 ' .. ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local seen = tonumber(string.match(all[i + 1], '^%d+') or 0)
  if time - seen > tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], all[i]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { text(time), new, all }
