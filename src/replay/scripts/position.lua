-- What the scripts of the log share; it stands in front of each of them.
--
-- KEYS[1]  hash, the channel's position
--            e  epoch                            o  offset of the newest message
--            g  generation of the data           c  when this server last compared it
--            s  when the messages were last swept, and the keys given new times to live
--            t  how long messages live; 0: nobody has published to the channel yet
--            a  when the position was made
--            d  1: the newest message was on disk before it was confirmed, and with it all before it
--            n  the generation of the server that the channel was given up to
-- KEYS[2]  stream, the messages; an id is <offset>-<when it was stored>
-- ARGV[1]  the epoch of a new position
-- ARGV[2]  how long positions are remembered
-- ARGV[3]  how long those are at first that nobody has published to
-- The last of ARGV  what a restart keeps, as whoever calls has asked: all:<generation of the server that was asked>, some,
--                   or unknown. Where this server may have been put in the place of another one:
--                   ask: that one can be asked, so nothing is decided without it
--                   given:<generation> <epoch> <offset>: it has given the channel up, to the server of this generation, at
--                   this position (give-up.lua)
--                   heir:<generation> <generation>: the server of the second has all that that of the first had confirmed
-- All times are milliseconds, by the clock of this server.

local function text(number)
  -- Lua would write large numbers with an exponent.
  return string.format('%.0f', number)
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- It changes whenever this server may have lost what it once confirmed: when it starts, and when it is promoted. A replica
-- has none: it is behind, nobody knows how far, and would tell of losses that are none, or of none where there are some.
-- Answers also whether it may have been somebody's copy: it has been promoted since it started, or has copies itself.
-- Nothing of it changes during a call, and it costs a third of an append: a call of many channels asks once.
local asked, askedCopied
local function generation()
  if asked then return asked, askedCopied end
  local info = redis.call('INFO', 'replication')
  if string.find(info, 'role:slave', 1, true) then
    asked, askedCopied = '', true
    return asked, askedCopied
  end
  local _, last = string.find(info, 'master_replid:', 1, true)
  local alone = string.find(info, 'connected_slaves:0', 1, true)
    and string.find(info, 'master_replid2:' .. string.rep('0', 40), 1, true)
  asked, askedCopied = string.sub(info, last + 1, last + 40), not alone
  return asked, askedCopied
end

local KEEPS = ARGV[#ARGV]
local KEEPS_ALL = string.match(KEEPS, '^all:(.+)$')
local GIVEN = string.match(KEEPS, '^given:(.+)$')
local HEIR = string.match(KEEPS, '^heir:(.+)$')
-- In front of the generation of a server that has given the channel up: there it is neither read nor written any more.
local GIVEN_UP = '>'
-- The generation of this server, and that of its predecessor, where that one is to be asked.
local successor, predecessor

-- Notes that the generation was compared, on this server alone: a replica that is promoted, or a server that reads its
-- file, would take it for a comparison of its own, and give an offset again that its predecessor gave and it lacks.
local function compared(time)
  redis.set_repl(redis.REPL_NONE)
  redis.call('HSET', KEYS[1], 'c', text(time))
  redis.set_repl(redis.REPL_ALL)
end

-- Where the server has been restarted, or has followed another one: whether it has all that was confirmed. Nothing is answered
-- where whoever calls does not know yet.
local function isWhole(known, copied, running)
  if GIVEN then return GIVEN == running .. ' ' .. known[1] .. ' ' .. known[2] end
  if HEIR then return HEIR == known[3] .. ' ' .. running end
  if KEEPS == 'ask' and running ~= '' then
    successor, predecessor = running, known[3]
    return nil
  end
  if known[8] ~= '1' or copied then return false end
  if KEEPS_ALL == running then return true end
  -- Also where another server was asked: this one is its successor.
  if KEEPS_ALL or KEEPS == 'unknown' then return nil end
  return false
end

-- A position in the epoch that was proposed. What was kept before it is gone.
local function begin(time)
  local running = generation()
  local onDisk = KEEPS_ALL == running
  -- First what a server that is out of memory refuses: then nothing has been done.
  redis.call(
    'HSET', KEYS[1],
    'e', ARGV[1], 'o', '0', 'g', running, 'c', '0', 's', '0', 't', '0', 'a', text(time), 'd', onDisk and '1' or '0'
  )
  redis.call('UNLINK', KEYS[2])
  redis.call('PEXPIRE', KEYS[1], text(math.min(tonumber(ARGV[2]), tonumber(ARGV[3]))))
  compared(time)
  return { epoch = ARGV[1], offset = 0, swept = 0, ttl = 0, made = time, onDisk = onDisk, generation = running }
end

-- The channel's position, a new one where there is none or where data may have been lost; nothing where it is not known
-- yet whether it may. `trust`: how long a position
-- that was compared is not compared again, for the comparison costs a third of an append.
local function position(time, trust)
  local known = redis.call('HMGET', KEYS[1], 'e', 'o', 'g', 'c', 's', 't', 'a', 'd')
  if known[1] then
    local age = time - tonumber(known[4])
    local current = age >= 0 and age < trust
    local running, copied
    if not current then
      running, copied = generation()
      current = running == known[3]
      if not current then
        if known[3] == GIVEN_UP .. running then return nil end
        current = isWhole(known, copied, running)
        if current == nil then return nil end
        -- A server that takes no writes now will compare once more.
        if current then redis.pcall('HSET', KEYS[1], 'g', running) end
      end
      if current and trust > 0 then compared(time) end
    end
    if current then
      return {
        epoch = known[1], offset = tonumber(known[2]), swept = tonumber(known[5]), ttl = tonumber(known[6]),
        made = tonumber(known[7] or time), onDisk = known[8] == '1', generation = running or known[3],
      }
    end
  end
  return begin(time)
end

-- Offset and time of the first message from an offset on; nothing where there is none.
local function firstFrom(start)
  local entry = redis.call('XRANGE', KEYS[2], start, '+', 'COUNT', 1)[1]
  if not entry then return nil end
  local offset, stored = string.match(entry[1], '^(%d+)-(%d+)$')
  return tonumber(offset), tonumber(stored)
end

-- Offset of the first message that is not older than `ttl`, the one after `head` where all are, and whether there are older
-- ones. Offsets have no holes, so the place is found by halving.
local function firstYoung(head, time, ttl)
  local low, stored = firstFrom('-')
  if not low then return head + 1, false end
  if stored >= time - ttl then return low, false end
  local high = head + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    local offset, middleStored = firstFrom(text(middle))
    if offset and middleStored < time - ttl then low = middle + 1 else high = middle end
  end
  return low, true
end

-- Removes what is before an offset. `call`: how the server is asked.
local function dropBefore(first, head, call)
  if first > head then
    call('UNLINK', KEYS[2])
  else
    call('XTRIM', KEYS[2], 'MINID', text(first))
  end
end

-- The answer of a script where the position is not known.
local function unsettled()
  if successor then return { '', successor, predecessor } end
  return redis.error_reply('UNSETTLED it is not known yet whether Redis has lost something, or another server has its place')
end
