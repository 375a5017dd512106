# What tests/real/*.t need built: what the inference says of each object (types_*.t).

$(BUILD)/list_types: $(BUILD)/tests/real/list_types.o $(ROOM_LIBS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LINK)

check-real: $(BUILD)/list_types

-include $(BUILD)/tests/real/list_types.d
