/* oracle: every window is what a brute-force computation over the accepted readings says. */
#include "property/support.h"

enum { READINGS_MAX = 2000, DEVICES = 3, RINGS = LIMIT_WINDOWS };

__extension__ typedef unsigned __int128 wide_number;

#define START_MS INT64_C(1700000000000)

struct taken {
    size_t device;
    int64_t value_micro, event_ms;
    int64_t watermark_ms;     /* of its device when it came */
    int64_t oldest_ms[RINGS]; /* per window: the oldest pane that stood */
};

struct model {
    struct stream_options options;
    struct stream *stream;
    struct capture capture;
    struct stream_now now;
    int64_t newest_ms[DEVICES], watermark_ms[DEVICES], arrival_mono_ms[DEVICES];
    struct taken taken[READINGS_MAX];
    size_t taken_count;
    uint64_t late;
};

static int64_t floor_to(int64_t ms, int64_t slice_ms)
{
    return ms - ms % slice_ms;
}

/* All windows of one slice share a ring as long as the longest needs. */
static int64_t longest_of(const struct stream_options *options, int64_t slice_ms)
{
    int64_t longest_ms = 0;
    for (size_t i = 0; i < options->window_count; i++) {
        const struct window_spec *spec = &options->windows[i];
        if (spec->every_ms == slice_ms && spec->size_ms > longest_ms) longest_ms = spec->size_ms;
    }
    return longest_ms;
}

static int64_t oldest_of(const struct model *model, size_t device, size_t window)
{
    const struct stream_options *options = &model->options;
    int64_t slice_ms = options->windows[window].every_ms;
    int64_t behind =
        longest_of(options, slice_ms) / slice_ms + (options->lateness_ms + slice_ms - 1) / slice_ms;
    return floor_to(model->newest_ms[device], slice_ms) - behind * slice_ms;
}

static void choose_options(struct model *model, struct random *random)
{
    static const struct window_spec sets[][3] = {
        {{.size_ms = 10000, .every_ms = 10000},
         {.size_ms = 60000, .every_ms = 60000},
         {.size_ms = 900000, .every_ms = 60000}},
        {{.size_ms = 10000, .every_ms = 10000},
         {.size_ms = 40000, .every_ms = 10000},
         {.size_ms = 15000, .every_ms = 5000}},
        {{.size_ms = 7000, .every_ms = 7000, .provisional_ms = 2000},
         {.size_ms = 10000, .every_ms = 5000, .provisional_ms = 1000},
         {.size_ms = 1000, .every_ms = 1000}},
    };
    size_t set = (size_t)random_between(random, 0, 2);
    model->options = (struct stream_options){
        .devices = DEVICES,
        .window_count = 3,
        .lateness_ms = random_between(random, 0, 2) * 15000,
        .grace_ms = random_between(random, 0, 1) * 5000,
        .future_ms = 60000,
    };
    memcpy(model->options.windows, sets[set], sizeof sets[set]);
}

static int64_t last_end_of(const struct model *model, size_t device)
{
    int64_t last_ms = INT64_MIN;
    for (size_t i = 0; i < model->options.window_count; i++) {
        int64_t slice_ms = model->options.windows[i].every_ms;
        int64_t end_ms =
            floor_to(model->newest_ms[device], slice_ms) + longest_of(&model->options, slice_ms);
        if (end_ms > last_ms) last_ms = end_ms;
    }
    return last_ms;
}

static void advance(struct model *model)
{
    stream_advance(model->stream, &model->now);
    for (size_t i = 0; i < DEVICES; i++) {
        int64_t silent_ms = model->now.mono_ms - model->arrival_mono_ms[i];
        if (model->newest_ms[i] == 0 || silent_ms < model->options.grace_ms) continue;
        int64_t reached_ms = model->newest_ms[i] + silent_ms;
        if (model->now.wall_ms > reached_ms) reached_ms = model->now.wall_ms;
        reached_ms -= model->options.lateness_ms + model->options.grace_ms;
        if (reached_ms > last_end_of(model, i)) reached_ms = last_end_of(model, i);
        if (reached_ms > model->watermark_ms[i]) model->watermark_ms[i] = reached_ms;
    }
}

static void send(struct model *model, size_t device, int64_t event_ms, int64_t value_micro)
{
    struct reading reading = {
        .value_micro = value_micro, .has_event_time = true, .event_ms = event_ms};
    snprintf(reading.device, sizeof reading.device, "line/%zu", device);
    bool stands = model->newest_ms[device] == 0;
    for (size_t i = 0; i < model->options.window_count; i++) {
        if (event_ms >= oldest_of(model, device, i)) stands = true;
    }
    enum verdict verdict = stream_add_reading(model->stream, &reading, &model->now);
    assert_int_equal(verdict, stands ? VERDICT_OK : VERDICT_LATE);
    if (!stands) {
        model->late++;
        return;
    }
    struct taken *taken = &model->taken[model->taken_count++];
    if (event_ms > model->newest_ms[device]) model->newest_ms[device] = event_ms;
    int64_t watermark_ms = model->newest_ms[device] - model->options.lateness_ms;
    if (model->arrival_mono_ms[device] == 0 || watermark_ms > model->watermark_ms[device]) {
        model->watermark_ms[device] = watermark_ms;
    }
    model->arrival_mono_ms[device] = model->now.mono_ms;
    *taken = (struct taken){.device = device,
                            .value_micro = value_micro,
                            .event_ms = event_ms,
                            .watermark_ms = model->watermark_ms[device]};
    for (size_t i = 0; i < model->options.window_count; i++) {
        taken->oldest_ms[i] = oldest_of(model, device, i);
    }
}

static bool is_in(const struct taken *taken, size_t device, size_t window, int64_t start_ms,
                  int64_t end_ms)
{
    return taken->device == device && taken->event_ms >= start_ms && taken->event_ms < end_ms &&
           taken->event_ms >= taken->oldest_ms[window] &&
           (end_ms > taken->watermark_ms || start_ms >= taken->oldest_ms[window]);
}

/* Independent of summary.c: field by field, in two passes where order could matter. */
static struct summary compute(const struct model *model, size_t device, size_t window,
                              int64_t start_ms, int64_t end_ms)
{
    struct summary s = {.first_ms = INT64_MAX, .min_micro = INT64_MAX, .max_micro = INT64_MIN};
    wide_number sumsq = 0;
    for (size_t i = 0; i < model->taken_count; i++) {
        const struct taken *t = &model->taken[i];
        if (!is_in(t, device, window, start_ms, end_ms)) continue;
        s.count++;
        s.sum_micro += t->value_micro;
        uint64_t magnitude = (uint64_t)llabs(t->value_micro);
        sumsq += (wide_number)magnitude * magnitude;
        if (t->event_ms < s.first_ms) s.first_ms = t->event_ms;
        if (t->event_ms > s.last_ms) s.last_ms = t->event_ms;
        if (t->value_micro < s.min_micro) s.min_micro = t->value_micro;
        if (t->value_micro > s.max_micro) s.max_micro = t->value_micro;
    }
    s.sumsq = (struct wide){.low = (uint64_t)sumsq, .high = (uint64_t)(sumsq >> 64)};
    s.first_micro = s.min_ms = s.max_ms = INT64_MAX;
    s.last_micro = INT64_MIN;
    for (size_t i = 0; i < model->taken_count; i++) {
        const struct taken *t = &model->taken[i];
        if (!is_in(t, device, window, start_ms, end_ms)) continue;
        if (t->value_micro == s.min_micro && t->event_ms < s.min_ms) s.min_ms = t->event_ms;
        if (t->value_micro == s.max_micro && t->event_ms < s.max_ms) s.max_ms = t->event_ms;
        if (t->event_ms == s.first_ms && t->value_micro < s.first_micro) {
            s.first_micro = t->value_micro;
        }
        if (t->event_ms == s.last_ms && t->value_micro > s.last_micro)
            s.last_micro = t->value_micro;
    }
    return s;
}

static const struct record *find_final(const struct model *model, size_t device, size_t window,
                                       int64_t start_ms, uint32_t *revisions)
{
    const struct window_spec *spec = &model->options.windows[window];
    const struct record *final = NULL;
    char id[LIMIT_DEVICE_ID_SIZE];
    snprintf(id, sizeof id, "line/%zu", device);
    *revisions = 0;
    for (size_t i = 0; i < model->capture.record_count; i++) {
        const struct record *record = &model->capture.records[i];
        if (record->window.start_ms != start_ms || record->window.size_ms != spec->size_ms ||
            record->window.every_ms != spec->every_ms || strcmp(record->device, id) != 0) {
            continue;
        }
        ++*revisions;
        assert_int_equal(record->window.revision, *revisions);
        final = record;
    }
    return final;
}

static void check_window(const struct model *model, const struct taken *taken, size_t window,
                         int64_t start_ms)
{
    const struct window_spec *spec = &model->options.windows[window];
    uint32_t revisions;
    struct summary expected =
        compute(model, taken->device, window, start_ms, start_ms + spec->size_ms);
    const struct record *final = find_final(model, taken->device, window, start_ms, &revisions);
    assert_non_null(final);
    assert_false(final->window.is_provisional);
    assert_int_equal(final->window.end_ms, start_ms + spec->size_ms);
    assert_memory_equal(&final->window.summary, &expected, sizeof expected);
}

static void check_all(const struct model *model)
{
    for (size_t i = 0; i < model->taken_count; i++) {
        const struct taken *taken = &model->taken[i];
        for (size_t w = 0; w < model->options.window_count; w++) {
            const struct window_spec *spec = &model->options.windows[w];
            int64_t start_ms = floor_to(taken->event_ms, spec->every_ms);
            for (; start_ms + spec->size_ms > taken->event_ms; start_ms -= spec->every_ms) {
                if (!is_in(taken, taken->device, w, start_ms, start_ms + spec->size_ms)) continue;
                check_window(model, taken, w, start_ms);
            }
        }
    }
    struct stream_counts counts = stream_count(model->stream);
    assert_int_equal(counts.accepted, model->taken_count);
    assert_int_equal(counts.late, model->late);
    assert_int_equal(counts.records, model->capture.record_count);
    assert_ledger(model->stream, &model->options);
}

static void play(struct model *model, struct random *random, size_t count)
{
    int64_t clock_ms[DEVICES];
    for (size_t i = 0; i < DEVICES; i++) clock_ms[i] = START_MS + (int64_t)i * 777;
    for (size_t n = 0; n < count; n++) {
        size_t device = (size_t)random_between(random, 0, DEVICES - 1);
        int64_t event_ms = clock_ms[device] += random_between(random, 0, 4000);
        int64_t dice = random_between(random, 0, 99);
        if (dice < 30) event_ms -= random_between(random, 0, model->options.lateness_ms);
        if (dice >= 30 && dice < 36) event_ms -= random_between(random, 0, 1200000);
        if (dice == 40) clock_ms[device] += random_between(random, 0, 3000000); /* a gap */
        if (dice == 41) clock_ms[device] -= random_between(random, 0, 300000);  /* a step back */
        if (dice >= 50 && dice < 60) event_ms = floor_to(event_ms, 1000);
        model->now.mono_ms += random_between(random, 0, 3000);
        if (dice == 70) model->now.mono_ms += 30000;
        if (event_ms > model->now.wall_ms) model->now.wall_ms = event_ms;
        send(model, device, event_ms, random_between(random, -30, 30) * 1000000 / 16);
        if (dice < 15) advance(model);
        assert_ledger(model->stream, &model->options);
    }
}

static void play_and_check(struct random *random)
{
    static struct model model;
    memset(&model, 0, sizeof model);
    choose_options(&model, random);
    model.now = (struct stream_now){.wall_ms = START_MS, .mono_ms = 1000, .clock = CLOCK_TRUSTED};
    model.stream = open_stream(&model.options, &model.capture);
    play(&model, random, (size_t)random_between(random, 10, 400));
    advance(&model);
    assert_true(stream_close_windows(model.stream, &model.now));
    check_all(&model);
    stream_close(model.stream);
    capture_release(&model.capture);
}

static void test_every_window_equals_brute_force(void **state)
{
    (void)state;
    repeat(12, play_and_check);
}

/* 1,000 devices: shuffled within the lateness, the same bytes come out as in order. */
enum { MANY = 1000, EACH = 40 };

static struct capture play_many(struct random *random, bool is_shuffled)
{
    struct stream_options options = {
        .devices = MANY,
        .window_count = 2,
        .windows = {{.size_ms = 10000, .every_ms = 10000}, {.size_ms = 60000, .every_ms = 20000}},
        .lateness_ms = 30000,
        .grace_ms = 5000,
        .future_ms = 1000};
    struct capture capture = {0};
    struct stream *stream = open_stream(&options, &capture);
    struct stream_now now = {.wall_ms = START_MS * 2, .mono_ms = 5, .clock = CLOCK_TRUSTED};
    for (size_t block = 0; block < EACH / 10; block++) {
        size_t order[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        for (size_t i = 9; is_shuffled && i > 0; i--) {
            size_t k = (size_t)random_between(random, 0, (int64_t)i);
            size_t swap = order[i];
            order[i] = order[k];
            order[k] = swap;
        }
        for (size_t i = 0; i < 10; i++) {
            size_t at = block * 10 + order[i];
            for (size_t device = 0; device < MANY; device++) {
                struct reading reading = {.value_micro =
                                              (int64_t)(at * device % 97) * 62500 - 1000000,
                                          .has_event_time = true,
                                          .event_ms = START_MS + (int64_t)(at * 3000 + device)};
                snprintf(reading.device, sizeof reading.device, "d%zu", device);
                assert_int_equal(stream_add_reading(stream, &reading, &now), VERDICT_OK);
            }
        }
    }
    assert_true(stream_close_windows(stream, &now));
    assert_ledger(stream, &options);
    assert_int_equal(stream_count(stream).late, 0);
    stream_close(stream);
    return capture;
}

static int compare_records(const void *left, const void *right)
{
    const struct record *a = left;
    const struct record *b = right;
    int order = strcmp(a->device, b->device);
    if (order != 0) return order;
    if (a->window.size_ms != b->window.size_ms) {
        return a->window.size_ms < b->window.size_ms ? -1 : 1;
    }
    return a->window.start_ms < b->window.start_ms ? -1 : a->window.start_ms > b->window.start_ms;
}

static void shuffle_and_check(struct random *random)
{
    struct capture ordered = play_many(random, false);
    struct capture shuffled = play_many(random, true);
    assert_int_equal(ordered.record_count, shuffled.record_count);
    assert_true(ordered.record_count > (size_t)MANY * 10);
    qsort(ordered.records, ordered.record_count, sizeof *ordered.records, compare_records);
    qsort(shuffled.records, shuffled.record_count, sizeof *shuffled.records, compare_records);
    for (size_t i = 0; i < ordered.record_count; i++) {
        ordered.records[i].seq = shuffled.records[i].seq = 0;
        assert_memory_equal(&ordered.records[i], &shuffled.records[i], sizeof *ordered.records);
    }
    capture_release(&ordered);
    capture_release(&shuffled);
}

static void test_order_within_lateness_does_not_show(void **state)
{
    (void)state;
    repeat(1, shuffle_and_check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_window_equals_brute_force),
        cmocka_unit_test(test_order_within_lateness_does_not_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
