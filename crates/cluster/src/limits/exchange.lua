-- One node tells what it has counted, and hears what the others have told. Every key has the same hash tag.
--
-- KEYS: which nodes are there; which epoch this is; then one for each subject.
-- ARGV: the node; an epoch, should there be none; for how long a node is there, and for how long what it told is kept, in
-- milliseconds; then what is told of each subject.
-- Answers with the server's time, how many nodes there are, the epoch, and of each subject what every node has told.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local node, there, kept = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])

redis.call('ZADD', KEYS[1], now, node)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%d', now - there))
redis.call('PEXPIRE', KEYS[1], kept)
redis.call('SET', KEYS[2], ARGV[2], 'NX')

local answer = { string.format('%d', now), redis.call('ZCARD', KEYS[1]), redis.call('GET', KEYS[2]) }
for subject = 3, #KEYS do
  local key = KEYS[subject]
  redis.call('HSET', key, node, string.format('%d ', now) .. ARGV[subject + 2])
  redis.call('PEXPIRE', key, kept)
  local told = redis.call('HGETALL', key)
  local heard = {}
  for field = 1, #told, 2 do
    local at = tonumber(string.match(told[field + 1], '^%d+'))
    if at and at >= now - kept then
      heard[#heard + 1] = told[field]
      heard[#heard + 1] = told[field + 1]
    else
      redis.call('HDEL', key, told[field])
    end
  end
  answer[subject + 1] = heard
end
return answer
