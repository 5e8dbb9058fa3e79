#include "base/verdict.h"

static const struct {
    const char *name;
    const char *text;
} verdicts[VERDICT_COUNT] = {
    [VERDICT_OK] = {"ok", "taken"},
    [VERDICT_LENGTH] = {"length", "empty or too long"},
    [VERDICT_FRAME] = {"frame", "broken frame"},
    [VERDICT_CHECKSUM] = {"checksum", "wrong or missing checksum"},
    [VERDICT_SYNTAX] = {"syntax", "not in the configured form"},
    [VERDICT_FIELD] = {"field", "a field is missing or of the wrong type"},
    [VERDICT_NO_VALUE] = {"no_value", "the source says that it has no value"},
    [VERDICT_RANGE] = {"range", "a value outside of the allowed range"},
    [VERDICT_TIME] = {"time", "a time of measurement that is not believed"},
    [VERDICT_UNKNOWN_DEVICE] = {"unknown_device", "no mapping leads to a device"},
    [VERDICT_DEVICE_LIMIT] = {"device_limit", "the device table is full"},
    [VERDICT_DUPLICATE] = {"duplicate", "already counted"},
    [VERDICT_RETAINED] = {"retained", "an old message kept by the broker"},
    [VERDICT_LATE] = {"late", "later than every pane that still stands"},
    [VERDICT_RATE] = {"rate", "more than the source may send"},
    [VERDICT_BUSY] = {"busy", "the store does not keep up"},
    [VERDICT_NOT_NUMBER] = {"not_a_number", "no number where the value belongs"},
    [VERDICT_IMPOSSIBLE] = {"impossible", "a value below absolute zero"},
    [VERDICT_QUALITY] = {"quality", "the device says that its value is bad"},
};

const char *verdict_name(enum verdict verdict)
{
    return (unsigned)verdict < VERDICT_COUNT ? verdicts[verdict].name : "unknown";
}

const char *verdict_text(enum verdict verdict)
{
    return (unsigned)verdict < VERDICT_COUNT ? verdicts[verdict].text : "unknown";
}

bool verdict_is_of_sensor(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_NO_VALUE:
    case VERDICT_RANGE:
    case VERDICT_NOT_NUMBER:
    case VERDICT_IMPOSSIBLE:
    case VERDICT_QUALITY:
        return true;
    default:
        return false;
    }
}
