/* alarm_rig: a script is played in order of time; what is due in between comes first. */
#include "support/alarm_rig.h"

bool alarm_rig_has_room(void *context, size_t bytes)
{
    struct alarm_rig *rig = context;
    size_t reserved = alarm_engine_reserved_bytes(rig->engine);
    return rig->room == 0 || rig->used + reserved + bytes <= rig->room;
}

static void rig_say(struct alarm_rig *rig, const char *line)
{
    size_t size = strlen(line);
    assert_true(rig->text_size + size + 2 < RIG_TEXT);
    memcpy(rig->text + rig->text_size, line, size);
    rig->text_size += size;
    rig->text[rig->text_size++] = '\n';
    rig->text[rig->text_size] = '\0';
}

static int64_t rig_second(const struct alarm_rig *rig)
{
    return (rig->now.mono_ms - rig->base_mono_ms) / 1000;
}

void alarm_rig_emit(void *context, const char *source, const struct alarm_event *event,
                    const struct alarm_now *now)
{
    struct alarm_rig *rig = context;
    char id[ALARM_ID_SIZE], line[512];
    assert_true(rig->event_count < RIG_EVENTS);
    rig->events[rig->event_count++] = *event;
    rig->used += alarm_event_bytes(event);
    alarm_id_write(id, source, event->name, event->id);
    assert_int_equal(now->mono_ms, rig->now.mono_ms);
    (void)snprintf(line, sizeof line, "%lld %s %s %s>%s #%u%s%s%s%s%s%s%s%s%s",
                   (long long)rig_second(rig), id, alarm_trigger_text(event->trigger),
                   alarm_state_text(event->from), alarm_state_text(event->to), event->occurrence,
                   event->annunciate ? " calls" : "", event->is_first_out ? " first" : "",
                   event->is_chattering ? " chatters" : "", event->is_in_flood ? " flood" : "",
                   event->is_uncertain ? " uncertain" : "", event->realarm > 0 ? " realarm" : "",
                   event->raised_while_suppressed > 0 ? " hidden" : "",
                   event->cause[0] != '\0' ? " by " : "", event->cause);
    rig_say(rig, line);
}

void alarm_rig_journal(void *context, const void *bytes, size_t size)
{
    struct alarm_rig *rig = context;
    uint16_t head = (uint16_t)size;
    assert_true(size <= ALARM_JOURNAL_BYTES);
    assert_true(rig->journal_size + size + sizeof head <= RIG_JOURNAL);
    memcpy(rig->journal + rig->journal_size, &head, sizeof head);
    memcpy(rig->journal + rig->journal_size + sizeof head, bytes, size);
    rig->journal_size += size + sizeof head;
    rig->used += size;
    assert_true(rig->room == 0 || rig->used <= rig->room);
}

void alarm_rig_open_engine(struct alarm_rig *rig)
{
    const struct alarm_sink sink = {.has_room = alarm_rig_has_room,
                                    .emit = alarm_rig_emit,
                                    .journal = alarm_rig_journal,
                                    .context = rig};
    assert_int_equal(alarm_engine_open(&rig->engine, &rig->options, &sink), ST_OK);
}

struct alarm_rig *alarm_rig_open(const struct alarm_rule *rules, size_t count)
{
    struct alarm_rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->options = (struct alarm_options){
        .rules = rules, .rule_count = count, .devices = 1100, .gateway = "gw", .boot = 7};
    rig->base_mono_ms = 100000000;
    rig->now = (struct alarm_now){
        .wall_ms = RIG_T0_MS, .mono_ms = rig->base_mono_ms, .clock = CLOCK_TRUSTED};
    alarm_rig_open_engine(rig);
    return rig;
}

void alarm_rig_close(struct alarm_rig *rig)
{
    alarm_engine_close(rig->engine);
    free(rig);
}

/* What a commit does. */
void alarm_rig_commit(struct alarm_rig *rig)
{
    alarm_engine_flush(rig->engine);
    rig->used = 0;
}

void alarm_rig_restart(struct alarm_rig *rig)
{
    alarm_rig_commit(rig);
    alarm_engine_close(rig->engine);
    alarm_rig_open_engine(rig);
    for (size_t at = 0; at < rig->journal_size;) {
        uint16_t size;
        memcpy(&size, rig->journal + at, sizeof size);
        at += sizeof size;
        assert_true(alarm_engine_is_entry(rig->journal + at, size));
        assert_int_equal(alarm_engine_restore(rig->engine, rig->journal + at, size), ST_OK);
        at += size;
    }
    alarm_engine_advance(rig->engine, &rig->now);
    rig->restarts++;
    /* As the store does at the end of a round: only the present states are kept. */
    rig->journal_size = 0;
    assert_true(alarm_engine_journal_states(rig->engine, SIZE_MAX));
}

void alarm_rig_step(struct alarm_rig *rig)
{
    if (rig->is_restarting) {
        alarm_rig_restart(rig);
    } else {
        alarm_rig_commit(rig);
        alarm_engine_advance(rig->engine, &rig->now);
    }
    if (rig->journal_size > RIG_JOURNAL / 2) rig->journal_size = 0;
}

void alarm_rig_set_time(struct alarm_rig *rig, int64_t at_s)
{
    rig->now.mono_ms = rig->base_mono_ms + at_s * 1000;
    rig->now.wall_ms = RIG_T0_MS + at_s * 1000 + rig->wall_offset_ms;
}

void alarm_rig_pass_until(struct alarm_rig *rig, int64_t at_s)
{
    while (rig_second(rig) < at_s) {
        size_t before = rig->event_count;
        alarm_rig_set_time(rig, rig_second(rig) + 1);
        alarm_engine_advance(rig->engine, &rig->now);
        if (rig->event_count != before) alarm_rig_step(rig);
    }
}

void alarm_rig_read(struct alarm_rig *rig, const char *device, double value)
{
    int64_t value_micro = (int64_t)(value * 1000000 + (value < 0 ? -0.5 : 0.5));
    uint32_t source = alarm_engine_find_source(rig->engine, device, &rig->now);
    if (!alarm_engine_is_good(rig->engine, source, value_micro)) {
        const struct alarm_bad_value bad = {.verdict = VERDICT_RANGE,
                                            .has_value = true,
                                            .value_micro = value_micro,
                                            .event_ms = rig->now.wall_ms};
        alarm_engine_add_bad_value(rig->engine, source, &bad, &rig->now);
        return;
    }
    alarm_engine_add_reading(rig->engine, source, value_micro, rig->now.wall_ms, false, &rig->now);
}

void alarm_rig_read_bad(struct alarm_rig *rig, const char *device)
{
    const struct alarm_bad_value bad = {.verdict = VERDICT_NO_VALUE, .event_ms = rig->now.wall_ms};
    if (!alarm_engine_is_fault_watched(rig->engine, device, true)) return;
    alarm_engine_add_bad_value(
        rig->engine, alarm_engine_find_source(rig->engine, device, &rig->now), &bad, &rig->now);
}

static void rig_command(struct alarm_rig *rig, const char *verb, const char *alarm, long argument)
{
    static const char *const verbs[] = {"ack", "reset", "shelve", "unshelve", "oos", "return"};
    struct alarm_command command = {.actor = "anna", .reason = "test", .id = "c1"};
    char line[256];
    bool is_one_shot = strcmp(verb, "oneshot") == 0;
    int found = is_one_shot ? (int)ALARM_SHELVE : -1;
    for (int i = 0; i < 6; i++) {
        if (strcmp(verbs[i], verb) == 0) found = i;
    }
    assert_true(found >= 0);
    command.verb = (enum alarm_verb)found;
    command.is_one_shot = is_one_shot;
    (void)snprintf(command.alarm, sizeof command.alarm, "%s", alarm);
    if (command.verb == ALARM_SHELVE)
        command.shelve_ms = argument * 1000;
    else
        command.occurrence = (uint32_t)argument;
    enum alarm_answer answer = alarm_engine_command(rig->engine, &command, &rig->now, NULL);
    (void)snprintf(line, sizeof line, "%lld %s: %s", (long long)rig_second(rig), verb,
                   alarm_answer_text(answer));
    rig_say(rig, line);
}

static void rig_act(struct alarm_rig *rig, const char *what, const char *rest)
{
    double value;
    char alarm[ALARM_ID_SIZE];
    long argument = 0;
    if (strcmp(what, "end") == 0) return;
    if (strcmp(what, "wall") == 0) {
        rig->wall_offset_ms += strtol(rest, NULL, 10) * 1000;
        alarm_rig_set_time(rig, rig_second(rig));
    } else if (strcmp(what, "clock") == 0) {
        rig->now.clock = strstr(rest, "held") != NULL    ? CLOCK_HELD
                         : strstr(rest, "unset") != NULL ? CLOCK_UNSET
                                                         : CLOCK_TRUSTED;
    } else if (strcmp(what, "restart") == 0) {
        alarm_rig_restart(rig);
    } else if (strstr(rest, "bad") != NULL) {
        alarm_rig_read_bad(rig, what);
    } else if (strchr(rest, '/') != NULL) {
        assert_true(sscanf(rest, "%111s %ld", alarm, &argument) >= 1);
        rig_command(rig, what, alarm, argument);
    } else {
        assert_int_equal(sscanf(rest, "%lf", &value), 1);
        alarm_rig_read(rig, what, value);
    }
}

/* The lines of a script whose time has come, with repeated readings laid out second by second. */
void alarm_rig_play(struct alarm_rig *rig, const char *script)
{
    enum { LINES = 64 };
    struct {
        long at, until, every;
        char what[64], rest[160];
    } lines[LINES];
    size_t count = 0;
    long last = 0;
    for (const char *line = script; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_true(count < LINES);
        lines[count].rest[0] = '\0';
        assert_true(sscanf(line, "%ld %63s%159[^\n]", &lines[count].at, lines[count].what,
                           lines[count].rest) >= 2);
        const char *until = strstr(lines[count].rest, "until");
        lines[count].until = lines[count].at;
        lines[count].every = 1;
        if (until != NULL)
            assert_int_equal(
                sscanf(until, "until %ld every %ld", &lines[count].until, &lines[count].every), 2);
        if (lines[count].until > last) last = lines[count].until;
        count++;
    }
    for (long second = lines[0].at; second <= last; second++) {
        for (size_t i = 0; i < count; i++) {
            if (second < lines[i].at || second > lines[i].until ||
                (second - lines[i].at) % lines[i].every != 0)
                continue;
            alarm_rig_pass_until(rig, second);
            rig_act(rig, lines[i].what, lines[i].rest);
            alarm_rig_step(rig);
        }
    }
}
