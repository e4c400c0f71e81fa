-- ARGV: journal, backlog, then text, name (or empty), for how long, for each note
for i = 3, #ARGV, 3 do
  local name = ARGV[i + 1]
  if name == '' or redis.call('SET', base .. ':once:' .. name, 1, 'NX', 'PX', ARGV[i + 2]) then
    append(ARGV[1], ARGV[2], 't', ARGV[i])
  end
end
return 1
