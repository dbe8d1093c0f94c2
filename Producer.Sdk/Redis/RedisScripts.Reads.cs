namespace AsyncCheckpoints.Redis;

/// <content>Reads.</content>
internal static partial class RedisScripts
{
    // A read of a stream with a policy (the state is longer than a sequence) may start its time to live anew.
    private const string Touch = StreamKeys + Stream + """
        read(meta)
        if slide == 1 and ttl > 0 and pend == 0 and not shut then
          -- A server that refuses writes is read all the same.
          if type(redis.pcall('PEXPIRE', H, string.format('%.0f', ttl))) == 'number' then arm() end
        end
        return { payload }
        """;

    /// <summary>Argument: id. Returns the payload; or false and the tombstone's sequence; or nothing.</summary>
    public static readonly RedisScript Load = new("""
        local got = redis.call('HMGET', KEYS[1], '\1', ARGV[1])
        local meta, payload = got[1], got[2]
        if not payload then
          local tombs = redis.call('HMGET', KEYS[4], '*', ARGV[2], '+')
          local tomb, left = tombs[1], tombs[3]
          if not tomb or (tombs[2] and tombs[2] > tomb) then tomb = tombs[2] end
          return tomb and (not left or tomb > left) and { false, tomb } or {}
        end
        if not meta or #meta == 16 then return { payload } end

        """ + Touch);

    /// <summary>Returns the payload of the stream's last checkpoint; or nothing.</summary>
    public static readonly RedisScript Latest = new("""
        local id = redis.call('ZREVRANGE', KEYS[2], 0, 0)[1]
        if not id then return {} end
        local got = redis.call('HMGET', KEYS[1], '\1', id)
        local meta, payload = got[1], got[2]
        if not payload then return {} end
        if not meta or #meta == 16 then return { payload } end

        """ + Touch);

    /// <summary>Arguments: namespace and id of each key. Returns for each "", or s or t with a sequence.</summary>
    public static readonly RedisScript Marks = new(StreamKeys + Stream + """
        local found = {}
        local clear = redis.call('HGET', T, '*')
        for i = 1, #ARGV, 2 do
          local seq = redis.call('ZSCORE', base .. 'z:' .. exec .. '\31' .. ARGV[i], ARGV[i + 1])
          local tomb = redis.call('HGET', T, ARGV[i] .. '\31' .. ARGV[i + 1])
          if clear and (not tomb or tomb < clear) then tomb = clear end
          if seq and (not tomb or pad(seq) > tomb) then
            found[#found + 1] = 's' .. pad(seq)
          else
            found[#found + 1] = tomb and 't' .. tomb or ''
          end
        end
        return found
        """);

    /// <summary>
    /// Key: a shard's executions. Arguments: lower and upper bound, limit. Returns the last one looked at ("" at the end)
    /// and those that exist; the others are removed.
    /// </summary>
    public static readonly RedisScript Executions = new("""
        local all = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
        local found = { #all == tonumber(ARGV[3]) and all[#all] or '' }
        for _, exec in ipairs(all) do
          if redis.call('EXISTS', string.sub(KEYS[1], 1, -2) .. 'n:' .. exec) == 1 then
            found[#found + 1] = exec
          else
            redis.call('ZREM', KEYS[1], exec)
          end
        end
        return found
        """);
}
