-- Enters and removes users of one node in a channel, if the write follows upon the last one.
--
-- KEYS[1]  hash, who is in the channel:
--            <node> <user> -> empty, or <when> <what the user says of himself>
--            <node>        -> <version of the node's last write> <how many users it has>
-- ARGV[1]  how long the hash lives from now on
-- ARGV[2]  the node
-- ARGV[3]  the version that its last write must have left; 0: whatever is there of the node is replaced
-- ARGV[4]  the version of this write
-- ARGV[5]  how many users to enter; the name and the value of each follow, and after them the names of those to remove
--
-- Returns 1, or 0 where the write does not follow and nothing was done.

local version, count = string.match(redis.call('HGET', KEYS[1], ARGV[2]) or '0 0', '^(%d+) (%d+)$')
count = tonumber(count)

if tonumber(ARGV[3]) == 0 then
  -- To look through a large channel costs, so it is only done where there is something to find.
  if count > 0 then
    local own = ARGV[2] .. ' '
    for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
      if string.sub(field, 1, #own) == own then redis.call('HDEL', KEYS[1], field) end
    end
  end
  count = 0
elseif tonumber(version) ~= tonumber(ARGV[3]) then
  return 0
end

local putEnd = 5 + 2 * tonumber(ARGV[5])
for i = 6, putEnd, 2 do count = count + redis.call('HSET', KEYS[1], ARGV[2] .. ' ' .. ARGV[i], ARGV[i + 1]) end
for i = putEnd + 1, #ARGV do count = count - redis.call('HDEL', KEYS[1], ARGV[2] .. ' ' .. ARGV[i]) end

redis.call('HSET', KEYS[1], ARGV[2], ARGV[4] .. ' ' .. string.format('%d', count))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
