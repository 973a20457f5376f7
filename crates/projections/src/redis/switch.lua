-- Puts a generation in the place of the one that was found. KEYS: those of the new one, which names the active one, those of
-- the one that was found. ARGV: the name of that one, of the new one, its log, its position and the event there.
if redis.call('HEXISTS', KEYS[1], 'building') == 0 then return 'rebuild' end
local active = redis.call('TYPE', KEYS[7]).ok == 'string' and redis.call('GET', KEYS[7]) or ''
if active ~= ARGV[1] then
  -- Someone else was quicker.
  for at = 1, 6 do redis.call('UNLINK', KEYS[at]) end
  return 'duplicate'
end
redis.call('HDEL', KEYS[1], 'building')
redis.call('HSET', KEYS[1], 'log', ARGV[3], 'position', ARGV[4], 'event', ARGV[5])
for at = 1, 6 do redis.call('PERSIST', KEYS[at]) end
redis.call('SET', KEYS[7], ARGV[2])
for at = 8, #KEYS do redis.call('UNLINK', KEYS[at]) end
return 'applied'
