/* alarm_nuisance: only what would have been annunciated is counted, so that holding alarms back
 * cannot prolong the reason for holding them back. */
#include "alarm/alarm_nuisance.h"

#include <string.h>

bool alarm_chatter_is_marked(const struct alarm_chatter *chatter, int64_t mono_ms)
{
    return chatter->is_marked && mono_ms - chatter->mono_ms[0] < ALARM_CHATTER_CALM_MS;
}

enum alarm_noise alarm_chatter_add(struct alarm_chatter *chatter, int64_t mono_ms)
{
    bool was_marked = alarm_chatter_is_marked(chatter, mono_ms);
    memmove(&chatter->mono_ms[1], &chatter->mono_ms[0],
            (ALARM_CHATTER_TIMES - 1) * sizeof chatter->mono_ms[0]);
    chatter->mono_ms[0] = mono_ms;
    if (chatter->count < ALARM_CHATTER_TIMES) chatter->count++;
    bool is_quick = chatter->count == ALARM_CHATTER_TIMES &&
                    mono_ms - chatter->mono_ms[ALARM_CHATTER_TIMES - 1] <= ALARM_CHATTER_MS;
    chatter->is_marked = was_marked || is_quick;
    if (was_marked) return ALARM_NOISY;
    return is_quick ? ALARM_BEGINS : ALARM_CALM;
}

static bool is_within(const struct alarm_flood *flood, uint32_t count, int64_t mono_ms)
{
    return flood->count >= count && mono_ms - flood->mono_ms[count - 1] <= ALARM_FLOOD_MS;
}

/* Appends an id, unless it does not fit; the list then stays as it is. */
static void add_to_list(char *list, const char *id)
{
    size_t used = strlen(list), size = strlen(id);
    size_t comma = used > 0;
    if (used + comma + size >= ALARM_LIST_SIZE) return;
    if (comma > 0) list[used] = ',';
    memcpy(list + used + comma, id, size + 1);
}

bool alarm_flood_add(struct alarm_flood *flood, const char *id, uint32_t occurrence,
                     enum alarm_priority priority, int64_t mono_ms, int64_t wall_ms)
{
    memmove(&flood->mono_ms[1], &flood->mono_ms[0],
            (ALARM_FLOOD_BEGIN - 1) * sizeof flood->mono_ms[0]);
    flood->mono_ms[0] = mono_ms;
    if (flood->count < ALARM_FLOOD_BEGIN) flood->count++;
    bool begins = !flood->is_on && is_within(flood, ALARM_FLOOD_BEGIN, mono_ms);
    if (begins) {
        flood->is_on = true;
        flood->number++;
        flood->alarms = 0;
        flood->since_mono_ms = mono_ms;
        flood->since_wall_ms = wall_ms;
        flood->summary_mono_ms = mono_ms;
        flood->highest = ALARM_PRIORITY_LOW;
        flood->list[0] = '\0';
        flood->first_occurrence = occurrence;
        memcpy(flood->first, id, strlen(id) + 1);
    }
    if (flood->is_on) {
        flood->alarms++;
        if (priority > flood->highest) flood->highest = priority;
        add_to_list(flood->list, id);
    }
    return begins;
}

bool alarm_flood_end(struct alarm_flood *flood, int64_t mono_ms)
{
    if (!flood->is_on || is_within(flood, ALARM_FLOOD_END, mono_ms)) return false;
    flood->is_on = false;
    return true;
}

unsigned alarm_flap_percent(const struct alarm_flap *flap)
{
    /* The weights 0.8 to 1.2 in equal steps over 20 changes, times 190 to be whole numbers. */
    enum { CHANGES = ALARM_FLAP_RESULTS - 1, OLDEST = 152, STEP = 4, MEAN = 190 };
    uint32_t changes = flap->results ^ (flap->results >> 1);
    unsigned sum = 0;
    unsigned known = flap->count > 0 ? flap->count - 1U : 0;
    for (unsigned age = 0; age < known && age < CHANGES; age++) {
        if ((changes >> age & 1) != 0) sum += OLDEST + STEP * (CHANGES - 1 - age);
    }
    return sum * 100 / (CHANGES * MEAN);
}

void alarm_flap_add(struct alarm_flap *flap, bool is_inside)
{
    const uint32_t all = (1U << ALARM_FLAP_RESULTS) - 1;
    flap->results = (flap->results << 1 | is_inside) & all;
    if (flap->count < ALARM_FLAP_RESULTS) flap->count++;
    bool is_uniform = flap->results == 0 || flap->results == all;
    if (is_uniform && !flap->is_flapping) return;
    unsigned percent = alarm_flap_percent(flap);
    if (percent >= ALARM_FLAP_HIGH_PERCENT) flap->is_flapping = true;
    if (percent < ALARM_FLAP_LOW_PERCENT) flap->is_flapping = false;
}
