/* alarms: between the stream and the alarm engine; of this folder and nobody else.  Loop thread
 * only. */
#ifndef ISOTHERM_STREAM_ALARMS_H
#define ISOTHERM_STREAM_ALARMS_H

#include "stream/parts.h"

enum status alarms_open(struct stream *stream) ISOTHERM_CHECK;
struct alarm_options alarms_options(const struct stream_options *options);
size_t alarms_room_bytes(const struct stream_options *options);

/* Whether the sensor can mean this value; looks for the device's alarms at its first reading. */
bool alarms_is_good(struct stream *stream, struct device *device, const struct reading *reading,
                    const struct stream_now *now);
void alarms_add_bad_value(struct stream *stream, struct device *device, const char *id,
                          const struct alarm_bad_value *bad, const struct stream_now *now);
void alarms_add_reading(struct stream *stream, struct device *device, int64_t value_micro,
                        int64_t event_ms, bool is_of_device, const struct stream_now *now);
void alarms_add_window(struct stream *stream, struct device *device,
                       const struct window_result *result, const struct stream_now *now);
/* Of another time from now on: what was judged before says nothing about which is newer. */
void alarms_begin_anew(struct stream *stream, struct device *device, const struct stream_now *now);
void alarms_remove(struct stream *stream, struct device *device, const struct stream_now *now);
void alarms_advance(struct stream *stream, const struct stream_now *now);

#endif
