namespace AsyncCheckpoints.Redis;

/// <summary>
/// The atomic steps. Sequences are 16 digits, so they compare as text and never pass through a lossy number format. The
/// common save is <c>save</c> in <see cref="Save"/>: four commands; the helpers before it cost it nothing.
/// </summary>
internal static partial class RedisScripts
{
    /// <summary>What a script returns that got its call after the deadline and did nothing.</summary>
    public const byte TooLate = (byte)'l';

    /// <summary>
    /// Keys: h, z and p of each save. Arguments: deadline, policy or "", "" or "=" with the expected latest id (of one save
    /// only); then id, payload (with the proposed sequence) and mark of each save. Returns the sequence, "u" and the sequence
    /// (unchanged) or "c" and the latest id; of several saves an array of those, and of "e" and what is wrong.
    /// </summary>
    public static readonly RedisScript Save = new("""
        local time = redis.call('TIME')
        if time[1] * 1000000 + time[2] > tonumber(ARGV[1]) then return 'l' end
        local policy, expected = ARGV[2], ARGV[3]
        local plain = policy == '' and expected == ''

        local function seldom(H, Z, P, id, payload, meta)

        """ + Stream + """
          if expected ~= '' then
            local latest = meta and redis.call('ZREVRANGE', Z, 0, 0)[1] or ''
            if '=' .. latest ~= expected then return 'c' .. latest end
          end
          read(meta)
          local armed = ttl > 0 and pend == 0
          if not meta or shut then open(meta) end
          adopt(policy == '' and '0 0 0' or policy)
          local seq = string.sub(payload, 1, 16)
          if seq <= last then
            seq = following(last)
            payload = seq .. string.sub(payload, 17)
          end
          last = seq
          if ext then pend = pend + 1 end
          redis.call('HSET', H, '\1', state(), id, payload)
          redis.call('ZADD', Z, seq, id)
          redis.call('ZADD', P, seq, (ext and 'c' or 's') .. tail(id, seq))
          if armed then disarm() end
          trim(8)
          return seq
        end

        local function save(H, Z, P, id, payload, mark)
          local got = redis.call('HMGET', H, '\1', id)
          local meta, old = got[1], got[2]
          if old and string.sub(old, 17, 48) == string.sub(payload, 17, 48) then return 'u' .. string.sub(old, 1, 16) end
          if not meta or not plain or #meta ~= 16 then return seldom(H, Z, P, id, payload, meta) end
          local seq = string.sub(payload, 1, 16)
          if seq <= meta then
            seq = string.format('%016.0f', tonumber(meta) + 1)
            payload = seq .. string.sub(payload, 17)
            mark = string.sub(mark, 1, -17) .. seq
          end
          redis.call('HSET', H, '\1', seq, id, payload)
          redis.call('ZADD', Z, seq, id)
          redis.call('ZADD', P, seq, mark)
          return seq
        end

        if #KEYS == 3 then return save(KEYS[1], KEYS[2], KEYS[3], ARGV[4], ARGV[5], ARGV[6]) end
        local all, refusal = {}, nil
        for i = 1, #KEYS, 3 do
          local ok, got = pcall(save, KEYS[i], KEYS[i + 1], KEYS[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
          if not ok then
            got = 'e' .. (type(got) == 'table' and got.err or got)
            if i == 1 then refusal = got end
          end
          if got ~= refusal then refusal = nil end
          all[#all + 1] = got
        end
        -- What is wrong with all of them is wrong with Redis: the client library may have to see it.
        if refusal then return redis.error_reply(string.sub(refusal, 2)) end
        return all
        """);

    /// <summary>Arguments: id, payload, policy, "1" when pending. Returns t (taken), i (ignored) or d (discarded).</summary>
    public static readonly RedisScript Put = new(StreamKeys + Stream + """
        local id, payload, pending = ARGV[1], ARGV[2], ARGV[4] == '1'
        local seq = string.sub(payload, 1, 16)
        local tombs = redis.call('HMGET', T, '*', ns .. '\31' .. id)
        if (tombs[1] and tombs[1] >= seq) or (tombs[2] and tombs[2] >= seq) then return 'd' end
        local got = redis.call('HMGET', H, '\1', id)
        local meta, old = got[1], got[2]
        if old and string.sub(old, 1, 16) >= seq then return 'i' end
        local top = meta and redis.call('ZREVRANGE', Z, 0, 0, 'WITHSCORES') or {}
        local newest = not top[2] or pad(top[2]) < seq
        if not pending and not old and not newest and seq < pad(redis.call('ZRANGE', Z, 0, 0, 'WITHSCORES')[2]) then
          left(seq)
          return 'i'
        end
        read(meta)
        local armed = ttl > 0 and pend == 0
        if not meta or shut then open(meta) end
        -- Who repairs may not know the stream's policy.
        if newest and (ARGV[3] ~= '0 0 0' or not meta) then adopt(ARGV[3]) end
        if last < seq then last = seq end
        if pending and ext then pend = pend + 1 end
        redis.call('HSET', H, '\1', state(), id, payload)
        redis.call('ZADD', Z, seq, id)
        if pending then redis.call('ZADD', P, seq, (ext and 'c' or 's') .. tail(id, seq)) end
        if ttl > 0 and pend == 0 then
          arm()
        elseif armed then
          disarm()
        end
        trim(8)
        return 't'
        """);

    /// <summary>
    /// Arguments: id and sequence of each save of one stream. Returns 1 when each had its mark, otherwise 0: which of them
    /// had none is not told.
    /// </summary>
    public static readonly RedisScript Settle = new(StreamKeys + Stream + """
        local counted, plain = {}, {}
        for i = 1, #ARGV, 2 do
          local mark = tail(ARGV[i], ARGV[i + 1])
          counted[#counted + 1] = 'c' .. mark
          plain[#plain + 1] = 's' .. mark
        end
        local gone = redis.call('ZREM', P, unpack(counted))
        local missing = #counted - gone
        if missing > 0 then missing = missing - redis.call('ZREM', P, unpack(plain)) end
        if gone > 0 then
          read(redis.call('HGET', H, '\1'))
          if ext then
            pend = math.max(0, pend - gone)
            if shut then
              drop()
            else
              trim(pend == 0 and 1000 or 64 + #counted)
              redis.call('HSET', H, '\1', state())
              if pend == 0 and ttl > 0 then arm() end
            end
          end
        end
        return missing == 0 and 1 or 0
        """);

    /// <summary>Key: the lease. Arguments: owner, ms. Returns 1 when the owner has it.</summary>
    public static readonly RedisScript Lease = new("""
        local owner = redis.call('GET', KEYS[1])
        if owner and owner ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
        """);

    /// <summary>Key: a shard's watermarks. Arguments: owner, where it was ("" none), where to move it ("" nowhere). Returns 1 when it was there.</summary>
    public static readonly RedisScript Watermark = new("""
        if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
        if ARGV[3] == '' then return 1 end
        if ARGV[2] == '' then
          local all = redis.call('HGETALL', KEYS[1])
          for i = 1, #all, 2 do
            if tonumber(all[i + 1]) < tonumber(ARGV[3]) - 172800000000 then redis.call('HDEL', KEYS[1], all[i]) end
          end
        end
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
        return 1
        """);

    /// <summary>Returns the server's time: seconds and microseconds.</summary>
    public static readonly RedisScript Time = new("return redis.call('TIME')");

    /// <summary>Returns the id of the process that runs it. Touches no key, whatever keys it is called with.</summary>
    public static readonly RedisScript ServerId = new("return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')");
}
