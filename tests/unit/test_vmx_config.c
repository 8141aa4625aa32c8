// test_vmx_config.c: being written.
int main(void) { return 0; }
