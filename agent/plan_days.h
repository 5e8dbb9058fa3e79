/* plan_days: from what one device causes to days, bytes and hours of the whole agent.  Pure. */
#ifndef ISOTHERM_PLAN_DAYS_H
#define ISOTHERM_PLAN_DAYS_H

#include "plan.h"
#include "plan_traffic.h"

/* How far apart commits will be on average, as far as the configuration says it; where the budget
 * of the flash decides, something usual. */
int64_t plan_guess_commit_ms(const struct plan *plan, const struct config *config);

/* Fills in everything of *plan that is not memory; plan->assumed is complete. */
void plan_fill_days(struct plan *plan, const struct config *config,
                    const struct plan_traffic *traffic);

#endif
