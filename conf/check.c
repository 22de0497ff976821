#include "conf/check.h"
void config_check(const struct config *config, const struct document *document,
		  GPtrArray *problems)
{
	(void)config, (void)document, (void)problems;
}
