-- Begins anew. KEYS: the place, the rows. ARGV: the log, the position from which it goes on, the event there, who begins, for how
-- long that counts, in seconds.
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'log', ARGV[1], 'position', ARGV[2], 'event', ARGV[3], 'building', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 'applied'
