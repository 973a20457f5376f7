-- A generation that is being made: it goes by itself if nobody ends it. ARGV: for how long it is kept, in seconds.
redis.call('HSET', KEYS[1], 'building', '1')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 'applied'
