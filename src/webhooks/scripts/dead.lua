-- ARGV: what, …
local dead = base .. ':dead'
if ARGV[1] == 'add' then return redis.call('XADD', dead, 'MAXLEN', '~', ARGV[2], '*', 't', ARGV[3]) end
if ARGV[1] == 'count' then return redis.call('XLEN', dead) end
if ARGV[1] == 'list' then return redis.call('XRANGE', dead, '-', '+', 'COUNT', ARGV[2]) end
local found = redis.call('XRANGE', dead, ARGV[2], ARGV[2])
redis.call('XDEL', dead, ARGV[2])
return found
